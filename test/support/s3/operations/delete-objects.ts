/** DeleteObjects: up to 1000 keys, each with its own answer. */
import { type ErrorText, S3Error } from '../errors.ts'
import { checkKey } from '../keys.ts'
import { receiveText } from '../payload.ts'
import { checkWrite } from '../preconditions.ts'
import { xmlReply } from '../reply.ts'
import { bucketOf, type Handler, publishDeletion } from '../service.ts'
import { childText, element, parseXml } from '../xml.ts'

const MAX_KEYS = 1000
const MAX_DOCUMENT_BYTES = 2 * 1024 ** 2

export const deleteObjects: Handler = async (service, request, auth) => {
  const { name } = bucketOf(service, request)
  const { text, proven } = await receiveText(request, auth, { maxBytes: MAX_DOCUMENT_BYTES })
  if (!proven) {
    throw new S3Error('InvalidRequest', 'Missing required header for this request: Content-MD5 OR x-amz-checksum-*')
  }
  const { wanted, quiet } = readDocument(text)
  const refused = new Map<string, ErrorText>()
  const keys = [...new Set(wanted.map(({ key }) => key))]
  await publishDeletion(service, name, keys, ({ objects }) =>
    wanted.flatMap(({ key, etag }) => {
      try {
        checkKey(key)
        if (etag !== null) checkWrite({ kind: 'etag', etag }, objects.get(key) ?? null)
        return []
      } catch (error) {
        if (!(error instanceof S3Error)) throw error
        refused.set(key, error)
        return [key]
      }
    }),
  )
  return xmlReply('DeleteResult', [
    ...keys.filter((key) => !quiet && !refused.has(key)).map((key) => element('Deleted', [element('Key', key)])),
    ...[...refused].map(([key, { code, message }]) =>
      element('Error', [element('Key', key), element('Code', code), element('Message', message)]),
    ),
  ])
}

type Wanted = { readonly key: string; readonly etag: string | null }

function readDocument(text: string): { wanted: readonly Wanted[]; quiet: boolean } {
  const root = parseXml(text)
  if (root === null || root.name !== 'Delete') throw malformed()
  const quiet = childText(root, 'Quiet')
  const wanted = root.children
    .filter(({ name }) => name !== 'Quiet')
    .map((child) => {
      const key = childText(child, 'Key')
      if (child.name !== 'Object' || key === null || key === '') throw malformed()
      const other = child.children.find(({ name }) => name !== 'Key' && name !== 'ETag')
      if (other !== undefined) {
        throw new S3Error('NotImplemented', `This endpoint does not implement element "${other.name}" of DeleteObjects`)
      }
      return { key, etag: childText(child, 'ETag') }
    })
  if (wanted.length === 0 || wanted.length > MAX_KEYS) throw malformed()
  return { wanted, quiet: quiet?.toLowerCase() === 'true' }
}

function malformed(): S3Error {
  return new S3Error('MalformedXML', 'The XML you provided was not well-formed or did not validate against our published schema')
}
