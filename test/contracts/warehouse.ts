/** What every `Warehouse` must do. A connector's test calls `warehouseContract` with a way to open one over a lake. */
import { afterAll, beforeAll, describe } from 'vitest'
import { type WarehouseSubject, warehouseTables } from '../support/warehouse-tables.ts'
import { heldTests } from './warehouse-held.ts'
import { registrationTests } from './warehouse-registration.ts'
import { rowTests } from './warehouse-rows.ts'
import { schemaTests } from './warehouse-schemas.ts'

export function warehouseContract(name: string, open: () => Promise<WarehouseSubject>): void {
  describe(`warehouse contract: ${name}`, () => {
    let subject: WarehouseSubject
    beforeAll(async () => {
      subject = await open()
    })
    afterAll(async () => {
      await subject[Symbol.asyncDispose]()
    })
    const tables = warehouseTables(() => subject)
    rowTests(tables)
    schemaTests(tables)
    registrationTests(tables)
    heldTests(tables)
  })
}
