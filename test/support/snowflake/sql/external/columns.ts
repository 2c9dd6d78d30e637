/** What expressions of an external table's columns may be. */
import type { Expression } from '../ast.ts'
import { invalidParameter } from '../errors.ts'
import type { ExternalColumn } from '../statement.ts'

/** Functions that an automatic partition column may be made of, besides CASE, casts and operators. */
const PARTITION_FUNCTIONS: ReadonlySet<string> = new Set(
  (
    'CAST CONCAT CONCAT_WS SPLIT_PART SUBSTR SUBSTRING LEFT RIGHT TRIM LTRIM RTRIM UPPER LOWER LENGTH LEN POSITION CHARINDEX REPLACE NULLIF ' +
    'COALESCE NVL IFF IFNULL DECODE TO_DATE DATE TO_TIMESTAMP TO_TIMESTAMP_NTZ TO_NUMBER TO_DECIMAL TO_NUMERIC TO_VARCHAR TO_CHAR TO_TIME ' +
    'DATE_TRUNC DATE_PART YEAR MONTH DAY DAYOFMONTH DAYOFWEEK DAYOFYEAR HOUR MINUTE DATEADD DATE_FROM_PARTS MOD ABS FLOOR CEIL ROUND'
  ).split(' '),
)

/** Throws 001008 for what Snowflake does not take: subqueries, aggregates, bindings; and for partitions, VALUE and other functions. */
export function checkExternalColumn({ name, expression }: ExternalColumn, partition: boolean, userSpecified: boolean): void {
  const refuse = (why: string): never => {
    throw invalidParameter(`Invalid expression of column '${name.text}': ${why}`)
  }
  const names = new Set<string>()
  visit(expression, (node) => {
    if (node.kind === 'exists' || node.kind === 'subquery' || node.kind === 'in-query') refuse('subqueries are not allowed')
    if (node.kind === 'binding') refuse('bindings are not allowed')
    if (node.kind === 'call' && node.over !== null) refuse('window functions are not allowed')
    if (node.kind === 'like' && node.operator === 'rlike' && partition)
      refuse('regular expressions are not allowed in a partition column')
    if (node.kind === 'call' && partition && !userSpecified && !PARTITION_FUNCTIONS.has(node.name)) {
      refuse(`function ${node.name} is not allowed in a partition column`)
    }
    if (node.kind === 'name') names.add(node.parts.at(-1)?.text ?? '')
  })
  if (!partition) {
    if (names.has('METADATA$EXTERNAL_TABLE_PARTITION')) refuse('METADATA$EXTERNAL_TABLE_PARTITION is for partition columns')
    return
  }
  const wanted = userSpecified ? 'METADATA$EXTERNAL_TABLE_PARTITION' : 'METADATA$FILENAME'
  if (!names.has(wanted) || names.size > 1) refuse(`a partition column is made of ${wanted} alone`)
}

function visit(expression: Expression, look: (node: Expression) => void): void {
  look(expression)
  const inner = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    if (Array.isArray(value)) for (const each of value) inner(each)
    else if ('kind' in value && 'at' in value) visit(value as Expression, look)
    else for (const each of Object.values(value)) inner(each)
  }
  for (const [key, value] of Object.entries(expression)) if (key !== 'at') inner(value)
}
