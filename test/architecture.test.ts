import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CONNECTOR_NAMES } from '../orchestration/registry.ts'
import { inexactVersions } from '../tools/manifest.mjs'
import { ROOT, readSource, repositoryFiles, type SourceFile, sourceFiles } from './support/sources.ts'

const PRODUCT = ['connectors', 'integrations', 'features', 'orchestration', 'config']
const product = sourceFiles(PRODUCT)
const all = sourceFiles([...PRODUCT, 'test'])

/** Where a file belongs in the table of allowed imports. */
type Area = 'ports' | `connectors/${string}` | 'integrations' | 'features' | 'config' | 'orchestration' | 'other'

function areaOf(path: string): Area {
  const [top = '', second = '', third] = path.split('/')
  if (top === 'connectors') return third === undefined ? 'ports' : `connectors/${second}`
  if (top === 'integrations' || top === 'features' || top === 'config' || top === 'orchestration') return top
  return 'other'
}

function mayImport(from: Area, to: Area): boolean {
  if (from === to) return true
  if (to === 'other') return false
  if (from === 'orchestration') return true
  if (from === 'ports' || from === 'config') return false
  return to === 'ports'
}

const FAULTS = 'test/support/armed-faults.ts'

/** The only test support that ships: `portage dev up` starts the endpoints that the tests run against. */
const SHIPPED = [
  { folder: 'test/support/s3/', importer: 'orchestration/dev/s3.ts', uses: [FAULTS] },
  // Its ORC files are read by our own reader: no other one runs in Node.
  {
    folder: 'test/support/snowflake/',
    importer: 'orchestration/dev/snowflake.ts',
    uses: [FAULTS, 'integrations/land/orc/orc-file.ts'],
  },
]

function forbidden(file: SourceFile): readonly string[] {
  const from = areaOf(file.path)
  return file.own
    .filter(
      (path) =>
        !mayImport(from, areaOf(path)) &&
        !SHIPPED.some(({ folder, importer }) => file.path === importer && path.startsWith(folder)),
    )
    .map((path) => `${file.path} imports ${path}`)
}

describe('imports', () => {
  test('follow the table of areas', () => {
    expect(product.flatMap(forbidden)).toEqual([])
  })

  test('of one connector by another, of a system by an integration, and of tests by the product would be found', () => {
    const imports = (path: string, specifier: string) => forbidden(readSource(path, `import { a } from '${specifier}'\n`))
    expect(imports('connectors/duckdb/a.ts', '../postgres/b.ts')).toHaveLength(1)
    expect(imports('integrations/land/a.ts', '../../connectors/s3/b.ts')).toHaveLength(1)
    expect(imports('features/a.ts', '../integrations/land/b.ts')).toHaveLength(1)
    expect(imports('config/a.ts', '../connectors/ports.ts')).toHaveLength(1)
    expect(imports('orchestration/a.ts', '../test/support/b.ts')).toHaveLength(1)
    expect(imports('orchestration/a.ts', '../connectors/s3/b.ts')).toHaveLength(0)
    expect(imports('connectors/s3/a.ts', '../ports.ts')).toHaveLength(0)
  })

  test('of endpoints that ship stay inside them, the packages that ship, and Node', () => {
    const { dependencies } = manifest('package.json') as { dependencies: Record<string, string> }
    for (const { folder, importer, uses } of SHIPPED) {
      const mayUse: readonly string[] = uses
      const shipped = all.filter(({ path }) => path.startsWith(folder))
      expect(shipped.length).toBeGreaterThan(15)
      const outside = shipped.flatMap(({ path, own, packages }) => [
        ...own.filter((each) => !each.startsWith(folder) && !mayUse.includes(each)).map((each) => `${path} imports ${each}`),
        ...packages.filter((name) => !(name in dependencies)).map((name) => `${path} imports ${name}`),
      ])
      expect(outside).toEqual([])
      const imports = (path: string) => forbidden(readSource(path, `import('../../${folder}endpoint.ts')\n`))
      expect(imports(importer)).toEqual([])
      expect(imports('orchestration/dev/up.ts')).toHaveLength(1)
    }
    const s3 = all.filter(({ path }) => path.startsWith('test/support/s3/'))
    expect(s3.flatMap(({ path, packages }) => packages.map((name) => `${path} imports ${name}`))).toEqual([])
  })

  test('of packages are declared as dependencies of the published package', () => {
    const { dependencies } = manifest('package.json') as { dependencies: Record<string, string> }
    const undeclared = product.flatMap(({ path, packages }) =>
      packages.filter((name) => !(name in dependencies)).map((name) => `${path} imports ${name}`),
    )
    expect(undeclared).toEqual([])
  })
})

describe('files', () => {
  /** Longer than 400 lines, each with its reason. */
  const LONG: Readonly<Record<string, string>> = {
    'integrations/land/orc/rle-v2-encoder.ts':
      'one encoding of the ORC specification: the choice among its four forms needs all of them',
  }

  test('have at most 400 lines, unless for a stated reason', () => {
    const long = all.filter(({ path, lines }) => lines > 400 && !(path in LONG)).map(({ path, lines }) => `${path}: ${lines}`)
    expect(long).toEqual([])
  })

  test('have less than 300 lines nine times in ten', () => {
    expect(all.filter(({ lines }) => lines >= 300).length).toBeLessThanOrEqual(all.length / 10)
  })

  test('have no default export, no mark of unfinished work and no name that says nothing', () => {
    const marks = /\b(TO[D]O|FIX[M]E|XX[X])\b/
    const skipped = /\b(?:test|it|describe)\.(?:skip|todo|only|skipIf|runIf)\(/
    const findings = all.flatMap(({ path, text }) => [
      ...(/^export default\b/m.test(text) ? [`${path}: default export`] : []),
      ...(marks.test(text) ? [`${path}: mark of unfinished work`] : []),
      ...(skipped.test(text) ? [`${path}: skipped or only test`] : []),
      ...(/(?:^|\/)(?:utils?|common|helpers?|core|index)\.ts$/.test(path) ? [`${path}: a name that says nothing`] : []),
    ])
    expect(findings).toEqual([])
  })

  test('name no place of one machine', () => {
    const places = new RegExp(
      ['work', 'root', 'home'].map((name) => `(?<![\\w.$}*-])/${name}/[a-z_.]`).join('|') + ['|registry', 'npmjs'].join('\\.'),
    )
    const texts = repositoryFiles().filter(
      (path) => /\.(ts|mjs|json|md|ya?ml|py|sql|sh|txt)$|\/run$/.test(path) && !path.endsWith('architecture.test.ts'),
    )
    expect(texts.filter((path) => places.test(readFileSync(join(ROOT, path), 'utf8')))).toEqual([])
  })
})

describe('dependencies', () => {
  test.each(['package.json', 'tools/node/package.json'])('of %s are exact versions', (path) => {
    expect(inexactVersions(manifest(path))).toEqual([])
  })

  test.each(['package-lock.json', 'tools/node/package-lock.json'])('of %s are locked without an address', (path) => {
    const { packages } = manifest(path) as { packages: Record<string, { resolved?: string; integrity?: string }> }
    const entries = Object.entries(packages).filter(([name]) => name !== '')
    expect(entries.length).toBeGreaterThan(0)
    expect(entries.filter(([, { resolved, integrity }]) => resolved !== undefined || integrity === undefined)).toEqual([])
  })
})

describe('every connector of the registry', () => {
  const tests = sourceFiles(['test'])

  test.each(CONNECTOR_NAMES)('%s calls a contract suite and has a row in the README', (name) => {
    const calls = tests.filter(
      ({ path, own }) =>
        path.endsWith('.test.ts') &&
        own.some((each) => each.startsWith('test/contracts/')) &&
        own.some((each) => each.startsWith(`connectors/${name}/`)),
    )
    expect(calls.map(({ path }) => path)).not.toEqual([])
    const rows = readFileSync(join(ROOT, 'README.md'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(`| \`${name}\``))
    expect(rows).toHaveLength(1)
  })
})

function manifest(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Record<string, unknown>
}
