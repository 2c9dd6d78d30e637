import { warehouseContract } from '../../contracts/warehouse.ts'
import { snowflakeSubject } from './warehouse-subject.ts'

warehouseContract('snowflake', () => snowflakeSubject())
