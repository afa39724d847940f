// The public names, and nothing else. Importing has no side effect.

export type { Digest } from './claimable/upload-record.ts'
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
  type ErrorDetails,
  isTempFileError,
  TempFileError,
  type TempFileErrorCode,
  type TempFileErrorOptions,
} from './errors.ts'
export { type FileRulePresets, fileRules } from './file-types/presets.ts'
export type { Claimant } from './handoff/find.ts'
export type { HandoffInfo } from './handoff/info.ts'
export type { DirOptions, FileOptions } from './input/file-options.ts'
export type { Duration, Size } from './input/units.ts'
export type { Preserve } from './keep-policy.ts'
export type { ManagerStats } from './manager/maintenance-methods.ts'
export { TempFileManager } from './manager.ts'
export type { Limits, TempFileManagerOptions } from './manager-options.ts'
export type { KeptUsage } from './removal/kept.ts'
export type { OnCleanupError } from './runtime/observe.ts'
export type { SweepItem, SweepProgress, SweepReport } from './sweep/report.ts'
export type { SweepOptions } from './sweep/sweep-options.ts'
export type { RootUsage, SessionUsage } from './sweep/usage.ts'
export type {
  AdoptOptions,
  ByteSource,
  CheckedFile,
  ChildEnvironment,
  ChildEnvironmentOptions,
  Claim,
  ClaimMembers,
  ExpectedDigest,
  FileRules,
  HandOffOptions,
  Json,
  JsonOf,
  PersistOptions,
  Progress,
  ReadStreamOptions,
  ReceivedFile,
  ReceiveOptions,
  ScopeOptions,
  TempDir,
  TempEntry,
  TempFile,
  TempScope,
  WriteResult,
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
} from './uploads/upload-types.ts'
