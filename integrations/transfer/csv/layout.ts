/** From a sample to the file's columns: header or not, names, types. Throws `SCHEMA` for a header that names nothing usable. Pure. */
import { METADATA_COLUMNS } from '../../../connectors/change.ts'
import { ConnectorError } from '../../../connectors/errors.ts'
import type { LogicalType } from '../../../connectors/logical-type.ts'
import type { CsvDeclaration, CsvDialect } from './dialect.ts'
import { type Guess, type GuessOptions, looksGrouped, TypeGuess } from './guess-type.ts'
import { FIELD, RecordProblem, type RecordScanner } from './record-scanner.ts'
import { eachRecord, fieldBytes } from './sniff.ts'

export type CsvColumn = {
  readonly name: string
  readonly type: LogicalType
  /** Who says so. */
  readonly basis: 'declared' | 'target' | 'inferred'
  /** Form of dates and times; null = ISO-8601. */
  readonly format: string | null
  readonly note: string | null
}

export type CsvLayout = { readonly dialect: CsvDialect; readonly columns: readonly CsvColumn[]; readonly sampledRows: number }

type Delimited = Omit<CsvDialect, 'header' | 'decimal'>

/** `whole`: the sample is the whole file, so that what it shows is certain. */
export function layoutOf(
  sample: Buffer,
  partial: Delimited,
  declared: CsvDeclaration,
  subject: string,
  whole: boolean,
): CsvLayout {
  const sniffed = sniffDecimal(sample, partial, whole)
  const decimal = declared.decimal ?? sniffed.decimal
  const options: GuessOptions = {
    decimal,
    mayGroup: declared.decimal === undefined && declared.thousands === undefined && !sniffed.shown,
    dateFormat: declared.dateFormat ?? null,
    timestampFormat: declared.timestampFormat ?? null,
  }
  const seen = readSample(sample, partial, options, whole)
  if (seen.first === null && declared.names === undefined) {
    throw new ConnectorError('FORMAT', `${subject} is empty: expected a header line. Give the columns with --names`)
  }
  const first = seen.first ?? []
  const header = declared.header ?? (seen.first !== null && looksLikeHeader(first, seen, options))
  const guesses = header ? seen.rest : seen.all
  const names = columnNames(first, header, declared, subject)
  const quotedIsText = guesses.some((each) => each.bareNumbers)
  const found = names.map((name, index): CsvColumn => {
    const result = guesses[index]?.result({ quotedIsText }) ?? new TypeGuess(options).result({ quotedIsText })
    return columnOf(name, result, declared)
  })
  checkDeclared(declared.types, names, subject)
  return { dialect: { ...partial, header, decimal }, columns: found, sampledRows: seen.rows - (header ? 1 : 0) }
}

function columnOf(name: string, guess: Guess, declared: CsvDeclaration): CsvColumn {
  const stated = declared.types?.get(name)
  const target = declared.targetTypes?.get(name)
  const type = stated ?? target
  if (type === undefined) return { name, basis: 'inferred', ...guess }
  const given = type.kind === 'date' ? declared.dateFormat : type.kind === 'timestamp' ? declared.timestampFormat : undefined
  const format = given ?? (guess.type.kind === type.kind ? guess.format : null)
  return { name, type, basis: stated === undefined ? 'target' : 'declared', format, note: null }
}

type Seen = {
  readonly first: readonly string[] | null
  readonly rows: number
  /** With and without the first record. */
  readonly all: readonly TypeGuess[]
  readonly rest: readonly TypeGuess[]
}

function readSample(sample: Buffer, dialect: Delimited, options: GuessOptions, whole: boolean): Seen {
  const all: TypeGuess[] = []
  const rest: TypeGuess[] = []
  let first: readonly string[] | null = null
  let rows = 0
  const see = (guesses: TypeGuess[], scanner: RecordScanner): void => {
    for (let i = 0; i < scanner.count; i++) {
      guesses[i] ??= new TypeGuess(options)
      const bytes = fieldBytes(sample, scanner, i, dialect)
      const quoted = scanner.forms[i] !== FIELD.bare
      if (bytes.length === 0 || (!quoted && dialect.nullValues.includes(bytes.toString('utf8')))) continue
      guesses[i]?.see(bytes, quoted)
    }
  }
  try {
    eachRecord(sample, dialect, whole, (fields, scanner) => {
      if (fields.length === 1 && fields[0] === '') return true
      rows++
      see(all, scanner)
      if (first === null)
        first = Array.from({ length: scanner.count }, (_, i) => fieldBytes(sample, scanner, i, dialect).toString('utf8'))
      else see(rest, scanner)
      return true
    })
  } catch (error) {
    // Reading the rows names the line.
    if (!(error instanceof RecordProblem)) throw error
  }
  return { first, rows, all, rest }
}

/** Texts above columns of something else; above texts only: when no value below the first line repeats its words. */
function looksLikeHeader(first: readonly string[], seen: Seen, options: GuessOptions): boolean {
  if (first.some((cell) => cell === '') && seen.rows > 1)
    return first.filter((cell) => cell !== '').every((cell) => kindOf(cell, options) === 'utf8')
  if (first.some((cell) => kindOf(cell, options) !== 'utf8')) return false
  return (
    new Set(first).size === first.length || seen.rest.some((each) => each.result({ quotedIsText: false }).type.kind !== 'utf8')
  )
}

function kindOf(cell: string, options: GuessOptions): LogicalType['kind'] {
  const guess = new TypeGuess(options)
  guess.see(Buffer.from(cell), false)
  return guess.result({ quotedIsText: false }).type.kind
}

function columnNames(first: readonly string[], header: boolean, declared: CsvDeclaration, subject: string): readonly string[] {
  const names = declared.names ?? (header ? first.map((name) => name.trim()) : first.map((_, index) => `column_${index + 1}`))
  if (declared.names !== undefined && first.length > 0 && names.length !== first.length) {
    throw new ConnectorError('SCHEMA', `${subject} has ${first.length} columns; --names gives ${names.length}`)
  }
  const cure = 'Name the columns with --names a,b,c'
  const empty = names.flatMap((name, index) => (name === '' ? [index + 1] : []))
  if (empty.length > 0)
    throw new ConnectorError('SCHEMA', `${subject} has no name in its header for column ${empty.join(', ')}. ${cure}`)
  const twice = [...new Set(names.filter((name, index) => names.indexOf(name) !== index))]
  if (twice.length > 0) {
    throw new ConnectorError(
      'SCHEMA',
      `${subject} has the column ${twice.map((name) => `"${name}"`).join(', ')} more than once in its header. ${cure}`,
    )
  }
  const reserved = names.filter((name) => (METADATA_COLUMNS as readonly string[]).includes(name))
  if (reserved.length > 0) {
    throw new ConnectorError(
      'SCHEMA',
      `${subject} has a column "${reserved[0]}", a name that Portage keeps for its own metadata. ${cure}`,
    )
  }
  return names
}

function checkDeclared(types: CsvDeclaration['types'], names: readonly string[], subject: string): void {
  const unknown = [...(types?.keys() ?? [])].filter((name) => !names.includes(name))
  if (unknown.length === 0) return
  const list = unknown.map((name) => `"${name}"`).join(', ')
  throw new ConnectorError('SCHEMA', `${subject} has no column ${list}, which --types names; it has ${names.join(', ')}`)
}

const COMMA_NUMBER = /^-?\d+,\d+$/
const POINT_NUMBER = /^-?\d*\.\d+$/

/** `shown`: some number can only be read with this sign, and none only with the other one. */
type SniffedDecimal = { readonly decimal: '.' | ','; readonly shown: boolean }

/** A comma where fields are not separated by one, and only commas in the numbers of the sample. */
function sniffDecimal(sample: Buffer, dialect: Delimited, whole: boolean): SniffedDecimal {
  if (dialect.delimiter === 0x2c) return { decimal: '.', shown: true }
  const commas = { all: 0, sure: 0 }
  const points = { all: 0, sure: 0 }
  const count = (tally: { all: number; sure: number }, text: string): void => {
    tally.all++
    if (!looksGrouped(text)) tally.sure++
  }
  try {
    eachRecord(sample.subarray(0, 512 * 1024), dialect, whole && sample.length <= 512 * 1024, (fields) => {
      for (const field of fields) {
        const text = field.trim()
        if (COMMA_NUMBER.test(text)) count(commas, text)
        else if (POINT_NUMBER.test(text)) count(points, text)
      }
      return true
    })
  } catch (error) {
    if (!(error instanceof RecordProblem)) throw error
  }
  const sure = commas.sure > 0 || points.sure > 0
  const comma = sure ? commas.sure > points.sure : commas.all > points.all
  return { decimal: comma ? ',' : '.', shown: sure && (commas.sure === 0 || points.sure === 0) }
}
