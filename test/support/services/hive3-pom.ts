/** The library of Hive 3.1.3 whose readers check the files that are made for it; Hadoop is that of the newer Hive. */
import { fileURLToPath } from 'node:url'

export const HIVE3_POM = fileURLToPath(new URL('../../services/hive/hive3.xml', import.meta.url))
