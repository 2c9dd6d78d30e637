/** The operation table: every name of `routes.ts` has its handler. */
import type { Operation } from '../routes.ts'
import type { Handler } from '../service.ts'
import { createBucket, deleteBucket, getBucketLocation, headBucket, listBuckets } from './buckets.ts'
import { copyObject, uploadPartCopy } from './copy.ts'
import { deleteObjects } from './delete-objects.ts'
import { listObjects, listObjectsV2 } from './listings.ts'
import { abortMultipartUpload, createMultipartUpload, uploadPart } from './multipart.ts'
import { completeMultipartUpload } from './multipart-complete.ts'
import { listMultipartUploads, listParts } from './multipart-listings.ts'
import { deleteObject, getObject, headObject, putObject } from './objects.ts'

export const HANDLERS: Readonly<Record<Exclude<Operation, 'AssumeRole'>, Handler>> = {
  AbortMultipartUpload: abortMultipartUpload,
  CompleteMultipartUpload: completeMultipartUpload,
  CopyObject: copyObject,
  CreateBucket: createBucket,
  CreateMultipartUpload: createMultipartUpload,
  DeleteBucket: deleteBucket,
  DeleteObject: deleteObject,
  DeleteObjects: deleteObjects,
  GetBucketLocation: getBucketLocation,
  GetObject: getObject,
  HeadBucket: headBucket,
  HeadObject: headObject,
  ListBuckets: listBuckets,
  ListMultipartUploads: listMultipartUploads,
  ListObjects: listObjects,
  ListObjectsV2: listObjectsV2,
  ListParts: listParts,
  PutObject: putObject,
  UploadPart: uploadPart,
  UploadPartCopy: uploadPartCopy,
}
