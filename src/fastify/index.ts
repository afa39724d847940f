// temp-file-manager/fastify: the plugin for Fastify 5. Nothing here but the public names.

export type { Form, FormOptions, SendOptions, SendResult, UploadedFile } from '../http/index.ts'
export { default, type TempFilesOptions, tempFiles } from './plugin.ts'
