// The metadata of a handoff. Guarantee: a server that starts again needs nothing else to know its open jobs,
// so there is no database beside the files that could disagree with them.

export interface ClipMeta {
  readonly kind: 'clip'
  /** The job's id, chosen by the server that received the clip. */
  readonly job: string
  /** The client's name for it, made fit for display; never used as a path. */
  readonly name: string
  readonly bytes: number
  readonly sha256: string
}

export interface ResultMeta {
  readonly kind: 'result'
  readonly job: string
  readonly name: string
  readonly type: string
  /** 'ffmpeg', or the name of its substitute. */
  readonly madeBy: string
  readonly bytes: number
  readonly sha256: string
  readonly upload: ClipMeta
  /** The ticket of the clip it was made from. */
  readonly from: string
  /** The number of the attempt at the clip that succeeded. */
  readonly attempt: number
}

/** Another program may share the root: only handoffs whose meta has this service's shape are run. */
export function readMeta(meta: unknown): ClipMeta | ResultMeta | undefined {
  if (typeof meta !== 'object' || meta === null || !('kind' in meta) || !('job' in meta)) return undefined
  // The two kinds are written by this service only, under its own root name, so the kind determines the rest.
  return meta.kind === 'clip' || meta.kind === 'result' ? (meta as ClipMeta | ResultMeta) : undefined
}
