// The URL of a new upload. Guarantee: it has the scheme and the host of the request, or those that a proxy has forwarded.

import type { ServerOptions } from '@tus/server'

type GenerateUrl = NonNullable<ServerOptions['generateUrl']>

/**
 * For Location. @tus/server takes 'http' for the scheme of every request that no proxy has forwarded, and null for the host of
 * one without Host, as in HTTP/2.
 */
export function urlsOf({
  generateUrl,
  relativeLocation,
  respectForwardedHeaders,
}: Partial<ServerOptions>): Pick<ServerOptions, 'generateUrl'> {
  const respects = respectForwardedHeaders === true
  if (generateUrl === undefined && relativeLocation === true) return {}
  const generate: GenerateUrl =
    generateUrl ?? ((_, { proto, host, path, id }) => `${proto}://${host}${path}/${id}`)
  return {
    generateUrl(request, parts) {
      const [, scheme = 'http', authority = ''] = /^(\w+):\/\/([^/?#]*)/.exec(request.url) ?? [] // new URL() throws for a Host with the port 99999
      const { headers } = request
      const [, forwarded = headers.get('x-forwarded-proto') ?? scheme] =
        /proto="?(https?)/i.exec(headers.get('forwarded') ?? '') ?? []
      return generate(request, {
        ...parts,
        proto: respects ? forwarded.toLowerCase() : scheme,
        host: generateUrl === undefined && !respects ? authority : (parts.host ?? authority),
      })
    },
  }
}
