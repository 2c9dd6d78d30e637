/** The tracked files of this repository and what each imports, for tests about its shape. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

export type SourceFile = {
  /** Relative to the root, with `/`. */
  readonly path: string
  readonly text: string
  readonly lines: number
  /** Imported files of ours, relative to the root. */
  readonly own: readonly string[]
  /** Imported packages, by name. */
  readonly packages: readonly string[]
}

/** Paths of tracked and of new, not ignored files. */
export function repositoryFiles(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  return listed.split('\0').filter((path) => path !== '' && existsSync(join(ROOT, path)))
}

/** TypeScript files below the given folders. */
export function sourceFiles(folders: readonly string[]): readonly SourceFile[] {
  return repositoryFiles()
    .filter((path) => path.endsWith('.ts') && folders.some((folder) => path.startsWith(`${folder}/`)))
    .map((path) => readSource(path, readFileSync(join(ROOT, path), 'utf8')))
}

const SPECIFIER = /(?:^\s*(?:import|export)\b[^'"]*?\bfrom\s*|^\s*import\s*|\bimport\(\s*)['"]([^'"\n]+)['"]/gm

export function readSource(path: string, text: string): SourceFile {
  const specifiers = [...text.matchAll(SPECIFIER)].map((match) => match[1] ?? '')
  const external = specifiers.filter(
    (name) => !name.startsWith('.') && !name.startsWith('node:') && !builtinModules.includes(name),
  )
  return {
    path,
    text,
    lines: text.split('\n').length - 1,
    own: specifiers.filter((name) => name.startsWith('.')).map((name) => posix.join(dirname(path), name)),
    packages: external.map((name) =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/'),
    ),
  }
}
