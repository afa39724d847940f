// temp-file-manager/s3: handoffs between hosts, on an S3 compatible store.

export type { S3SweepItem, S3SweepReport } from './bucket-sweep.ts'
export type { S3HandoffInfo } from './handoff-info.ts'
export type { PublishableFile } from './publish-ticket.ts'
export type { S3Claim, S3ClaimMembers, S3StreamClaim } from './s3-claim.ts'
export { S3Handoffs } from './s3-handoffs.ts'
export type {
  S3ClaimOptions,
  S3HandOffOptions,
  S3HandoffsOptions,
  S3ListOptions,
  S3SweepOptions,
} from './s3-options.ts'
