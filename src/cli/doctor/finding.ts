// The result of a check of the doctor. No decisions here.

export interface Finding {
  /** The subject of the check. */
  readonly check: string
  /** 'ok'; 'note': good to know; 'warning': will hurt some day; 'problem': does not work. */
  readonly status: 'ok' | 'note' | 'warning' | 'problem'
  /** The observation. */
  readonly found: string
  /** The change that is needed; undefined where none is. */
  readonly advice?: string | undefined
}
