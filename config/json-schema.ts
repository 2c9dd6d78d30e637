/** The JSON Schema that gives editors completion, generated from the zod schema. `npm run schema` writes it. */
import { writeFileSync } from 'node:fs'
import { z } from 'zod'
import { integrationFile } from './schema.ts'
import { transferFile } from './transfer.ts'

/** First line of every scaffolded integration: YAML language servers read it. Relative to config/integrations/. */
export const EDITOR_COMMENT = '# yaml-language-server: $schema=../integration.schema.json'

/** Contents of config/integration.schema.json. */
export function integrationJsonSchema(): string {
  const schema = z.toJSONSchema(z.union([integrationFile, transferFile]), { io: 'input', target: 'draft-7' })
  return `${JSON.stringify({ title: 'Portage integration', ...schema }, null, 2)}\n`
}

if (import.meta.main) writeFileSync(new URL('integration.schema.json', import.meta.url), integrationJsonSchema())
