// temp-file-manager/tus: a data store and a locker for @tus/server 2. Only the public names.

export { TempFileLocker } from './locker.ts'
export { type FinishedTusUpload, type TusOptions, tusServer } from './server.ts'
export { TempFileStore, type TempFileStoreOptions } from './temp-file-store.ts'
