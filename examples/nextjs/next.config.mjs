import { fileURLToPath } from 'node:url'

export default {
  // The package is loaded by Node, not bundled: it starts worker-safe sessions and reads /proc.
  serverExternalPackages: ['temp-file-manager'],
  // Only in this checkout, where the package is a link to ../..: your application does not need it.
  turbopack: { root: fileURLToPath(new URL('../..', import.meta.url)) },
}
