/** The statements of Portage's registrations as data. Pure; throws Error at any other. */
import { type Token, tokens } from './tokens.ts'

export type NamedColumn = { readonly name: string; readonly type: string }
export type RelationName = { readonly schema: string; readonly name: string }
export type Properties = ReadonlyMap<string, string>

export type Statement =
  | { readonly kind: 'create database'; readonly schema: string }
  | {
      readonly kind: 'create table'
      readonly table: RelationName
      readonly columns: readonly NamedColumn[]
      readonly partition: NamedColumn
      readonly format: string
      readonly location: string
      readonly properties: Properties
    }
  | {
      readonly kind: 'create view'
      readonly view: RelationName
      readonly replace: boolean
      readonly lenient: boolean
      readonly properties: Properties
      readonly query: readonly Token[]
    }
  | { readonly kind: 'alter view'; readonly view: RelationName; readonly query: readonly Token[] }
  | { readonly kind: 'set properties'; readonly table: RelationName; readonly properties: Properties }
  | {
      readonly kind: 'add columns'
      readonly table: RelationName
      readonly columns: readonly NamedColumn[]
      readonly cascade: boolean
    }
  | {
      readonly kind: 'add partitions'
      readonly table: RelationName
      readonly partitions: readonly { readonly value: string; readonly location: string }[]
    }
  | { readonly kind: 'set location'; readonly table: RelationName; readonly value: string; readonly location: string }
  | { readonly kind: 'drop partitions'; readonly table: RelationName; readonly values: readonly string[] }
  | { readonly kind: 'drop'; readonly what: 'table' | 'view'; readonly table: RelationName }
  | { readonly kind: 'show databases' }
  | { readonly kind: 'show tables'; readonly schema: string }
  | { readonly kind: 'show properties'; readonly table: RelationName }
  | { readonly kind: 'show partitions'; readonly table: RelationName }
  | { readonly kind: 'describe'; readonly table: RelationName; readonly partition: string | null }
  | { readonly kind: 'describe table'; readonly table: RelationName }
  | { readonly kind: 'statistics'; readonly table: RelationName; readonly value: string }
  | { readonly kind: 'move'; readonly table: RelationName; readonly location: string }
  | { readonly kind: 'set format'; readonly table: RelationName; readonly format: string }
  | { readonly kind: 'setting'; readonly name: string }
  | { readonly kind: 'query'; readonly query: readonly Token[] }

export function parseStatement(sql: string): Statement {
  const setting = /^SET ([\w.]+)$/.exec(sql)?.[1]
  if (setting !== undefined) return { kind: 'setting', name: setting }
  return new Parser(tokens(sql), sql).statement()
}

class Parser {
  readonly #tokens: readonly Token[]
  readonly #sql: string
  #at = 0

  constructor(all: readonly Token[], sql: string) {
    this.#tokens = all
    this.#sql = sql
  }

  statement(): Statement {
    if (this.#takes('CREATE', 'DATABASE', 'IF', 'NOT', 'EXISTS')) return { kind: 'create database', schema: this.#name() }
    if (this.#takes('CREATE', 'EXTERNAL', 'TABLE', 'IF', 'NOT', 'EXISTS')) return this.#createTable()
    if (this.#takes('CREATE', 'OR', 'REPLACE', 'VIEW')) return this.#createView(true, false)
    if (this.#takes('CREATE', 'VIEW', 'IF', 'NOT', 'EXISTS')) return this.#createView(false, true)
    if (this.#takes('CREATE', 'VIEW')) return this.#createView(false, false)
    if (this.#takes('ALTER', 'VIEW')) {
      const view = this.#relation()
      if (this.#takes('SET', 'TBLPROPERTIES')) return { kind: 'set properties', table: view, properties: this.#properties() }
      this.#expect('AS')
      return { kind: 'alter view', view, query: this.#rest() }
    }
    if (this.#takes('ALTER', 'TABLE')) return this.#alterTable()
    if (this.#takes('ANALYZE', 'TABLE')) {
      const table = this.#relation()
      const value = this.#partition()
      this.#expect('COMPUTE', 'STATISTICS')
      return { kind: 'statistics', table, value }
    }
    if (this.#takes('DROP', 'TABLE', 'IF', 'EXISTS')) return { kind: 'drop', what: 'table', table: this.#relation() }
    if (this.#takes('DROP', 'VIEW', 'IF', 'EXISTS')) return { kind: 'drop', what: 'view', table: this.#relation() }
    if (this.#takes('SHOW', 'DATABASES')) return { kind: 'show databases' }
    if (this.#takes('SHOW', 'TABLES', 'IN')) return { kind: 'show tables', schema: this.#name() }
    if (this.#takes('SHOW', 'TBLPROPERTIES')) return { kind: 'show properties', table: this.#relation() }
    if (this.#takes('SHOW', 'PARTITIONS')) return { kind: 'show partitions', table: this.#relation() }
    if (this.#takes('DESCRIBE', 'FORMATTED')) {
      const table = this.#relation()
      if (this.#at === this.#tokens.length) return { kind: 'describe table', table }
      return { kind: 'describe', table, partition: this.#partition() }
    }
    if (this.#takes('DESCRIBE')) return { kind: 'describe', table: this.#relation(), partition: null }
    return { kind: 'query', query: this.#tokens }
  }

  #createTable(): Statement {
    const table = this.#relation()
    const columns = this.#columns()
    this.#expect('PARTITIONED', 'BY')
    const [partition = { name: '', type: '' }] = this.#columns()
    this.#expect('STORED', 'AS')
    const format = this.#next().value
    this.#expect('LOCATION')
    const location = this.#next().value
    this.#expect('TBLPROPERTIES')
    return { kind: 'create table', table, columns, partition, format, location, properties: this.#properties() }
  }

  #createView(replace: boolean, lenient: boolean): Statement {
    const view = this.#relation()
    if (this.#takes('(')) while (!this.#takes(')')) this.#next()
    this.#expect('TBLPROPERTIES')
    const properties = this.#properties()
    this.#expect('AS')
    return { kind: 'create view', view, replace, lenient, properties, query: this.#rest() }
  }

  #alterTable(): Statement {
    const table = this.#relation()
    if (this.#takes('SET', 'TBLPROPERTIES')) return { kind: 'set properties', table, properties: this.#properties() }
    if (this.#takes('ADD', 'COLUMNS')) {
      const columns = this.#columns()
      return { kind: 'add columns', table, columns, cascade: this.#takes('CASCADE') }
    }
    if (this.#takes('ADD', 'IF', 'NOT', 'EXISTS')) {
      const partitions: { value: string; location: string }[] = []
      while (this.#at < this.#tokens.length) {
        const value = this.#partition()
        this.#expect('LOCATION')
        partitions.push({ value, location: this.#next().value })
      }
      return { kind: 'add partitions', table, partitions }
    }
    if (this.#takes('DROP', 'IF', 'EXISTS')) {
      const values = [this.#partition()]
      while (this.#takes(',')) values.push(this.#partition())
      return { kind: 'drop partitions', table, values }
    }
    if (this.#takes('SET', 'LOCATION')) return { kind: 'move', table, location: this.#next().value }
    if (this.#takes('SET', 'FILEFORMAT')) return { kind: 'set format', table, format: this.#next().value }
    const value = this.#partition()
    this.#expect('SET', 'LOCATION')
    return { kind: 'set location', table, value, location: this.#next().value }
  }

  #partition(): string {
    this.#expect('PARTITION', '(')
    this.#name()
    this.#expect('=')
    const { value } = this.#next()
    this.#expect(')')
    return value
  }

  #columns(): readonly NamedColumn[] {
    this.#expect('(')
    const columns: NamedColumn[] = []
    do {
      const name = this.#name()
      let type = this.#next().value
      if (this.#takes('(')) {
        type += '('
        while (!this.#takes(')')) type += this.#next().value
        type += ')'
      }
      columns.push({ name, type })
    } while (this.#takes(','))
    this.#expect(')')
    return columns
  }

  #properties(): Properties {
    this.#expect('(')
    const found = new Map<string, string>()
    do {
      const name = this.#next().value
      this.#expect('=')
      found.set(name, this.#next().value)
    } while (this.#takes(','))
    this.#expect(')')
    return found
  }

  #relation(): RelationName {
    const schema = this.#name()
    this.#expect('.')
    return { schema, name: this.#name() }
  }

  #name(): string {
    return this.#next().value.toLowerCase()
  }

  #next(): Token {
    const token = this.#tokens[this.#at++]
    if (token === undefined) throw new Error(`ends too early: ${this.#sql}`)
    return token
  }

  #rest(): readonly Token[] {
    const rest = this.#tokens.slice(this.#at)
    this.#at = this.#tokens.length
    return rest
  }

  #takes(...words: readonly string[]): boolean {
    const some = this.#tokens.slice(this.#at, this.#at + words.length)
    if (!words.every((word, index) => some[index]?.kind !== 'text' && some[index]?.value.toUpperCase() === word)) return false
    this.#at += words.length
    return true
  }

  #expect(...words: readonly string[]): void {
    if (!this.#takes(...words)) throw new Error(`expected ${words.join(' ')} at word ${this.#at + 1}: ${this.#sql}`)
  }
}
