// temp-file-manager/tus: a data store and a locker for @tus/server 2. Only the public names.

export { TempFileLocker } from './locker.ts'
export { tusServer } from './server.ts'
export { TempFileStore } from './temp-file-store.ts'
export type {
  FinishedTusUpload,
  HookAnswer,
  TempFileStoreOptions,
  TusOptions,
  TusRequest,
} from './tus-options.ts'
