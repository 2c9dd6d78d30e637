import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sharedPostgres } from '../support/postgres.ts'
import { python } from '../support/python.ts'

test("the server is Debian's PostgreSQL 15", async () => {
  expect(process.env.PORTAGE_TEST_POSTGRES_BIN).toMatch(/bin$/)
  await using database = await (await sharedPostgres()).createDatabase()
  const [row] = await database.query<{ server_version_num: string }>('show server_version_num')
  expect(Number(row?.server_version_num)).toBeGreaterThanOrEqual(150_000)
  expect(Number(row?.server_version_num)).toBeLessThan(160_000)
})

test('Python runs with the pinned pyarrow, and its failure is told', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'portage-python-'))
  try {
    await writeFile(join(dir, 'version.py'), 'import sys, pyarrow\nprint(pyarrow.__version__, sys.argv[1])\n')
    await writeFile(join(dir, 'fails.py'), 'raise SystemExit("no such commit")\n')
    expect((await python(join(dir, 'version.py'), ['x'])).stdout).toBe('26.0.1 x\n')
    await expect(python(join(dir, 'fails.py'))).rejects.toThrow('no such commit')
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
