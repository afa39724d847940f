// temp-file-manager/express: temp files that live as long as a request, and uploads that are checked while
// they arrive. Nothing of Express is imported: these are middlewares of the plain (req, res, next) kind.

export type { Form, FormOptions, SendOptions, SendResult, UploadedFile } from '../http/index.ts'
export { sendFile } from '../http/index.ts'
export { type Middleware, tempScope } from './temp-scope.ts'
export {
  type IncomingFile,
  type StorageOptions,
  type StoredFile,
  type TempStorage,
  tempStorage,
} from './temp-storage.ts'
export { tempUpload } from './temp-upload.ts'
