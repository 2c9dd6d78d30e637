/** ListBuckets, CreateBucket, HeadBucket, DeleteBucket, GetBucketLocation. */
import { S3Error } from '../errors.ts'
import { parameter } from '../http-request.ts'
import { compareKeys, isBucketName } from '../keys.ts'
import { receiveText } from '../payload.ts'
import { emptyReply, xmlReply } from '../reply.ts'
import { bucketOf, type Handler, OWNER, secondOf } from '../service.ts'
import { childText, element, parseXml } from '../xml.ts'

const MAX_DOCUMENT_BYTES = 64 * 1024

export const listBuckets: Handler = async (service, request) => {
  const prefix = parameter(request, 'prefix') ?? ''
  const buckets = [...service.storage.catalogue.buckets.values()]
    .filter(({ name }) => name.startsWith(prefix))
    .sort((a, b) => compareKeys(a.name, b.name))
    .map(({ name, created }) =>
      element('Bucket', [element('Name', name), element('CreationDate', new Date(created).toISOString())]),
    )
  return xmlReply('ListAllMyBucketsResult', [
    element('Owner', [element('ID', OWNER.id), element('DisplayName', OWNER.name)]),
    element('Buckets', buckets),
  ])
}

export const createBucket: Handler = async (service, request, auth) => {
  const bucket = request.bucket ?? ''
  if (!isBucketName(bucket)) throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.', { BucketName: bucket })
  const length = request.headers.get('content-length') ?? '0'
  const { text } = length === '0' ? { text: '' } : await receiveText(request, auth, { maxBytes: MAX_DOCUMENT_BYTES })
  checkLocation(text, service.region)
  await service.storage.publish(({ buckets }) => {
    if (buckets.has(bucket)) {
      throw new S3Error(
        'BucketAlreadyOwnedByYou',
        'Your previous request to create the named bucket succeeded and you already own it.',
        {
          BucketName: bucket,
        },
      )
    }
    return { op: 'create-bucket', bucket, at: secondOf(service.now()) }
  })
  return emptyReply(200, { location: `/${bucket}` })
}

/** us-east-1 is named by naming nothing. */
function checkLocation(text: string, region: string): void {
  const root = text === '' ? null : parseXml(text)
  if (text !== '' && root?.name !== 'CreateBucketConfiguration') throw malformed()
  const location = root === null ? null : childText(root, 'LocationConstraint')
  if (root?.children.some(({ name }) => name !== 'LocationConstraint')) throw malformed()
  if (location === 'us-east-1') {
    throw new S3Error('InvalidLocationConstraint', 'The specified location-constraint is not valid', {
      LocationConstraint: location,
    })
  }
  if ((location ?? 'us-east-1') !== region) {
    throw new S3Error(
      'IllegalLocationConstraintException',
      `The ${location ?? 'unspecified'} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    )
  }
}

function malformed(): S3Error {
  return new S3Error('MalformedXML', 'The XML you provided was not well-formed or did not validate against our published schema')
}

export const headBucket: Handler = async (service, request) => {
  bucketOf(service, request)
  return emptyReply(200, { 'x-amz-bucket-region': service.region, 'x-amz-access-point-alias': 'false' })
}

export const getBucketLocation: Handler = async (service, request) => {
  bucketOf(service, request)
  const { xml } = element(
    'LocationConstraint',
    service.region === 'us-east-1' ? '' : service.region,
    ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"',
  )
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: `<?xml version="1.0" encoding="UTF-8"?>\n${xml}` }
}

export const deleteBucket: Handler = async (service, request) => {
  const { name } = bucketOf(service, request)
  await service.storage.publish(({ buckets }) => {
    const bucket = buckets.get(name)
    if (bucket === undefined) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist', { BucketName: name })
    if (bucket.objects.size > 0 || bucket.uploads.size > 0) {
      throw new S3Error('BucketNotEmpty', 'The bucket you tried to delete is not empty', { BucketName: name })
    }
    return { op: 'delete-bucket', bucket: name }
  })
  return emptyReply(204)
}
