/** Parquet as this version of Portage writes it. */
import type { FileFormat } from '../integrations/land/data-file.ts'
import { createParquetWriter } from '../integrations/land/parquet/writer.ts'
import { VERSION } from './version.ts'

export const PARQUET: FileFormat = {
  name: 'parquet',
  extension: 'parquet',
  createWriter: (options) =>
    createParquetWriter({ ...options, createdBy: `portage-lakehouse version ${VERSION} (build release)` }),
}
