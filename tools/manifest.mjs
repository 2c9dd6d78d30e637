/**
 * Dependencies of a manifest that are not pinned to one exact version, as `name@range`.
 * @param {Record<string, unknown>} manifest
 */
export function inexactVersions(manifest) {
  return ['dependencies', 'devDependencies', 'optionalDependencies', 'overrides'].flatMap((kind) =>
    Object.entries(/** @type {Record<string, string>} */ (manifest[kind] ?? {}))
      .filter(([, range]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(range))
      .map(([name, range]) => `${name}@${range}`),
  )
}
