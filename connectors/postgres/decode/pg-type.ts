/** Postgres types as data, as the catalogue query (`type-catalogue.ts`) yields them. */

/** An attribute of a composite type, in order, dropped ones left out. `number` counts those too, from 1. */
export type CompositeAttribute = {
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
  readonly number: number
}

export type PgType = {
  readonly oid: number
  readonly schema: string
  readonly name: string
  /** Extension that owns the type; null for built-in types and those of users. */
  readonly extension: string | null
  readonly form: 'base' | 'array' | 'composite' | 'domain' | 'enum' | 'range' | 'multirange' | 'pseudo'
  /** Separates the elements of an array of this type in text: `,`, but `;` for box. */
  readonly delimiter: string
  /** Has a send function: pgoutput with `binary 'true'` will use it. */
  readonly hasSend: boolean
  /** Output function, quoted and qualified, for SQL. */
  readonly output: string
  /** Element of an array; 0 otherwise. */
  readonly element: number
  /** Base of a domain with its typmod; 0 and -1 otherwise. */
  readonly base: number
  readonly baseTypmod: number
  /** Subtype of a range, range of a multirange; 0 otherwise. */
  readonly range: number
  /** Of a composite type. */
  readonly attributes: readonly CompositeAttribute[]
}

/** Types by oid: those a set of tables uses, and all that these are made of. */
export type PgTypes = ReadonlyMap<number, PgType>
