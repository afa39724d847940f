// What a check of the doctor found. No decisions here.

export interface Finding {
  /** What was looked at. */
  readonly check: string
  /** 'ok'; 'note': good to know; 'warning': will hurt some day; 'problem': does not work. */
  readonly status: 'ok' | 'note' | 'warning' | 'problem'
  /** What was found. */
  readonly found: string
  /** What to change; undefined where nothing needs to. */
  readonly advice?: string | undefined
}
