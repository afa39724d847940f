// The public names, and nothing else. Importing has no side effect.

export { getTempManager, setTempManager } from './default-manager.ts'
export type {
  DiskDirectory,
  DiskEntry,
  DiskIdentity,
  DiskPath,
  DiskStats,
  FileSystem,
  FileSystemPromises,
} from './disk/file-system.ts'
export {
  isTempFileError,
  TempFileError,
  type TempFileErrorCode,
  type TempFileErrorOptions,
} from './errors.ts'
export { type FileRules, fileRules } from './file-types/file-rules.ts'
export type { Json } from './handoff/handoff-record.ts'
export type { HandoffInfo } from './handoff/info.ts'
export type { HandOffOptions } from './handoff/publish.ts'
export type { DirOptions, FileOptions } from './input/file-options.ts'
export type { Duration, Size } from './input/units.ts'
export { type ManagerStats, TempFileManager } from './manager.ts'
export type { Limits, TempFileManagerOptions } from './manager-options.ts'
export type { OnCleanupError } from './runtime/observe.ts'
export type { ReceiveOptions, WriteResult } from './streams/fill.ts'
export type { Progress } from './streams/progress.ts'
export type { Source } from './streams/source.ts'
export type { SweepItem, SweepProgress, SweepReport } from './sweep/report.ts'
export type { SweepOptions } from './sweep/sweep.ts'
export type { RootUsage, SessionUsage } from './sweep/usage.ts'
export type {
  AdoptOptions,
  Claim,
  ClaimMembers,
  PersistOptions,
  ReadStreamOptions,
  ReceivedFile,
  TempDir,
  TempEntry,
  TempFile,
  TempScope,
  WriteStreamOptions,
} from './types.ts'
export type {
  AppendOptions,
  CreateUploadOptions,
  FinishedUpload,
  OpenUploadOptions,
  PartialUpload,
  UploadInfo,
  UploadRules,
} from './uploads/types.ts'
export type { Digest } from './uploads/upload-record.ts'
