/** The little XML that S3 and STS speak: written by function, read strictly (elements, text, the five entities). */

/** Text that is XML already. */
export type Xml = { readonly xml: string }

export const S3_NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** One element; text is escaped, nothing at all when the content is null. */
export function element(name: string, content: string | number | boolean | readonly Xml[] | null, attributes = ''): Xml {
  if (content === null) return { xml: '' }
  const inner = Array.isArray(content) ? content.map(({ xml }: Xml) => xml).join('') : escapeText(String(content))
  return { xml: inner === '' ? `<${name}${attributes}/>` : `<${name}${attributes}>${inner}</${name}>` }
}

/** A whole document whose root is in the namespace. */
export function xmlDocument(name: string, content: readonly Xml[], namespace = S3_NAMESPACE): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, content, ` xmlns="${namespace}"`).xml}`
}

/** Control characters are written as references, as S3 does: XML 1.0 has no legal form, hence `encoding-type=url`. */
function escapeText(text: string): string {
  return text.replace(/[&<>"\p{Cc}\ufffe\uffff]/gu, (character) => {
    switch (character) {
      case '&':
        return '&amp;'
      case '<':
        return '&lt;'
      case '>':
        return '&gt;'
      case '"':
        return '&quot;'
      default:
        return `&#x${character.charCodeAt(0).toString(16)};`
    }
  })
}

export type XmlNode = { readonly name: string; readonly text: string; readonly children: readonly XmlNode[] }

type Open = { readonly name: string; text: string; readonly children: XmlNode[] }

const TOKEN =
  /<\?xml[^<>]*\?>|<!--[\s\S]*?-->|<\/([A-Za-z_][\w.:-]*)\s*>|<([A-Za-z_][\w.:-]*)((?:\s+[\w.:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/y

/** The root of a document, or null when it is not well formed. Document types and CDATA are not accepted. */
export function parseXml(source: string): XmlNode | null {
  const document: Open = { name: '', text: '', children: [] }
  const open: Open[] = [document]
  const text = source.replace(/^\ufeff/, '')
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.length) {
    const match = TOKEN.exec(text)
    const top = open.at(-1)
    if (match === null || top === undefined) return null
    const [, closing, opening, , selfClosing, characters] = match
    if (closing !== undefined) {
      if (open.length < 2 || top.name !== closing) return null
      open.pop()
      open.at(-1)?.children.push(top)
    } else if (opening !== undefined) {
      if (selfClosing === '/') top.children.push({ name: opening, text: '', children: [] })
      else open.push({ name: opening, text: '', children: [] })
    } else if (characters !== undefined) {
      const plain = unescapeText(characters)
      if (plain === null) return null
      top.text += plain
    }
  }
  const [root] = document.children
  return open.length === 1 && document.children.length === 1 && document.text.trim() === '' && root ? root : null
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescapeText(text: string): string | null {
  let broken = false
  const plain = text.replace(/&([^;&\s]*);?/g, (whole, name: string) => {
    const code = /^#(?:x([0-9a-f]{1,6})|([0-9]{1,7}))$/i.exec(name)
    const point = code === null ? Number.NaN : Number.parseInt(code[1] ?? code[2] ?? '', code[1] === undefined ? 10 : 16)
    const found = code === null ? ENTITIES[name] : point <= 0x10ffff ? String.fromCodePoint(point) : undefined
    if (found === undefined || !whole.endsWith(';')) broken = true
    return found ?? ''
  })
  return broken ? null : plain
}

/** Text of the only child of that name; null when there is none or more than one. */
export function childText(node: XmlNode, name: string): string | null {
  const found = node.children.filter((child) => child.name === name)
  return found.length === 1 && found[0] !== undefined ? found[0].text : null
}
