/** What every entry of the registry must be. Roles are proven by the contract suite of each port. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Connector } from '../../connectors/ports.ts'

const ROLES = ['openSource', 'openStore', 'openWarehouse', 'openNotifier', 'openOnlineStore'] as const
export type Role = (typeof ROLES)[number]

/** `minimal`: the smallest options that the connector accepts; `roles`: what it offers. */
export function connectorContract(
  name: string,
  load: () => Promise<Connector | null>,
  expected: { readonly minimal: Readonly<Record<string, unknown>>; readonly roles: readonly Role[] },
): void {
  describe(`connector contract: ${name}`, () => {
    const loaded = async (): Promise<Connector> => {
      const connector = await load()
      if (connector === null) throw new Error(`The registry has no connector "${name}"`)
      return connector
    }

    test('it is registered under its own name', async () => {
      expect((await loaded()).name).toBe(name)
    })

    test('it accepts its smallest options and refuses a key it does not know', async () => {
      const { options } = await loaded()
      expect(options.safeParse(expected.minimal).success).toBe(true)
      const refused = options.safeParse({ ...expected.minimal, no_such_option: true })
      expect(JSON.stringify(refused.error?.issues)).toContain('no_such_option')
    })

    test('its options can be shown as a JSON Schema, for editors and documentation', async () => {
      const schema = z.toJSONSchema((await loaded()).options, { io: 'input', unrepresentable: 'any' })
      expect(schema).toMatchObject({ type: 'object' })
    })

    test('it offers exactly the roles it claims', async () => {
      const connector = await loaded()
      expect(ROLES.filter((role) => connector[role] !== undefined)).toEqual(expected.roles)
    })
  })
}
