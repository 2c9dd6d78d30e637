/** `a.b[0]["c d"]`, as GET_PATH and FLATTEN take it, in DuckDB's words. */
import { invalidParameter } from '../errors.ts'

const STEP = /^(?:\.?([A-Za-z_][\w$]*)|\.?"([^"]+)"|\[(\d+)\]|\[["']([^"']+)["']\])/

export function pathText(path: string): string {
  let out = '$'
  let rest = path
  while (rest !== '') {
    const found = STEP.exec(rest)
    if (found === null) throw invalidParameter(`Invalid extraction path '${path}'`)
    const key = found[1] ?? found[2] ?? found[4]
    out += found[3] === undefined ? `.${JSON.stringify(key)}` : `[${found[3]}]`
    rest = rest.slice(found[0].length)
  }
  return out
}
