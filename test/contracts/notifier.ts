/** What every `Notifier` must do. A connector's test calls `notifierContract` with a way to open one and to see what arrived. */
import { describe, expect, test } from 'vitest'
import { ConnectorError } from '../../connectors/errors.ts'
import type { Notice, Notifier } from '../../connectors/ports.ts'

export type NotifierSubject = AsyncDisposable & {
  readonly notifier: Notifier
  /** One text per notice that the service holds, in order of arrival: all that a person would read. */
  readonly received: () => Promise<readonly string[]>
}

const notice = (kind: Notice['kind'], title: string, lines: readonly string[]): Notice => ({
  kind,
  integration: 'loans',
  title,
  lines,
  at: new Date('2026-03-01T12:00:00Z'),
})

export function notifierContract(name: string, open: () => Promise<NotifierSubject>): void {
  describe(`notifier contract: ${name}`, () => {
    const signal = new AbortController().signal

    test('a notice has arrived when notify settles, with its integration, title and every line', async () => {
      await using subject = await open()
      await subject.notifier.notify(notice('failure', 'Run failed', ['Slot "loans" is gone', 'Run "portage resync"']), signal)
      const [text] = await subject.received()
      for (const part of ['loans', 'Run failed', 'Slot "loans" is gone', 'Run "portage resync"']) expect(text).toContain(part)
    })

    test('every kind is accepted, and notices arrive in the order sent', async () => {
      await using subject = await open()
      const kinds = ['failure', 'held', 'lag', 'summary', 'rejects'] as const
      for (const kind of kinds) await subject.notifier.notify(notice(kind, `title ${kind}`, []), signal)
      const received = await subject.received()
      expect(received).toHaveLength(kinds.length)
      kinds.forEach((kind, index) => {
        expect(received[index]).toContain(`title ${kind}`)
      })
    })

    test('awkward text arrives as it is', async () => {
      await using subject = await open()
      const line = 'quotes " \' ` < & > {x} 漢字 𝄞 100 % *bold* _x_'
      await subject.notifier.notify(notice('summary', 'Summary', [line]), signal)
      expect((await subject.received())[0]).toContain(line)
    })

    test('an aborted notice is refused and does not arrive', async () => {
      await using subject = await open()
      const aborted = AbortSignal.abort(new ConnectorError('ABORTED', 'stop'))
      await expect(subject.notifier.notify(notice('lag', 'Lag', []), aborted)).rejects.toMatchObject({ code: 'ABORTED' })
      expect(await subject.received()).toEqual([])
    })
  })
}
