/** SHOW … LIKE: `%` and `_`, without regard to case; a backslash takes the meaning from either. */
export function likePattern(pattern: string): RegExp {
  let source = ''
  for (let index = 0; index < pattern.length; index++) {
    const character = pattern.charAt(index)
    if (character === '\\' && index + 1 < pattern.length) {
      index += 1
      source += literal(pattern.charAt(index))
    } else source += character === '%' ? '[\\s\\S]*' : character === '_' ? '[\\s\\S]' : literal(character)
  }
  return new RegExp(`^${source}$`, 'i')
}

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&')
