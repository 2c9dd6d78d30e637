import { openMemoryNotifier } from '../../../connectors/memory/notifier.ts'
import { notifierContract } from '../../contracts/notifier.ts'

notifierContract('memory', async () => {
  const notifier = openMemoryNotifier()
  return {
    notifier,
    received: async () => notifier.notices.map(({ integration, title, lines }) => [integration, title, ...lines].join('\n')),
    [Symbol.asyncDispose]: () => notifier[Symbol.asyncDispose](),
  }
})
