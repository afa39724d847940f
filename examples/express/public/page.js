// @ts-check
// The page: one clip at a time through upload, handoff, work and download, and the temp root as it is now.
// Guarantee: it shows what the server reports; the browser keeps only the id of the job, in the address (#job=...), so
// that a reload finds the job again.

/** @param {string} id @returns {any} the element; `any` because each caller knows which kind it is */
const $ = (id) => document.getElementById(id)

const STEPS = ['upload', 'handoff', 'work', 'done']
const STAGES = {
  upload: 'Uploading.',
  handoff: 'Handed off, waiting for a worker.',
  work: 'A worker is busy with the clip.',
  done: 'The result is ready.',
}

/** The server's size limit of a clip in bytes; undefined until /stats has answered. @type {number | undefined} */
let limit

/** @param {number} bytes */
function size(bytes) {
  const units = ['bytes', 'KB', 'MB', 'GB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`
}

/** @param {number} count @param {string} one @param {string} many */
function plural(count, one, many) {
  return `${count} ${count === 1 ? one : many}`
}

/** @param {'upload' | 'handoff' | 'work' | 'done'} step @param {boolean} [finished] */
function showStep(step, finished = false) {
  // A live region that is set to the same text again would be read again.
  if ($('stage').textContent !== STAGES[step]) $('stage').textContent = STAGES[step]
  const at = STEPS.indexOf(step)
  for (const item of $('steps').children) {
    const index = STEPS.indexOf(item.dataset.step)
    item.classList.toggle('past', index < at || (finished && index === at))
    item.classList.toggle('now', index === at && !finished)
  }
}

/** The upload is the first half of the bar, the work the second. @param {number} percent */
function showProgress(percent) {
  const whole = Math.min(100, Math.round(percent))
  $('fill').style.width = `${whole}%`
  $('percent').textContent = `${whole} %`
  $('bar').setAttribute('aria-valuenow', String(whole))
}

/** A refused or failed clip: no progress bar, the reason, and a way on. @param {string} message */
function showProblem(message) {
  $('job').classList.add('failed')
  $('stage').textContent = ''
  $('cancel').hidden = true
  $('problem').hidden = false
  $('problem').textContent = message
  $('again').hidden = false
}

/** @param {{ name: string, facts: string }} clip */
function begin({ name, facts }) {
  $('drop').classList.add('small')
  $('job').className = 'job'
  $('job').hidden = false
  $('outcome').hidden = true
  $('problem').hidden = true
  $('again').hidden = true
  $('note').textContent = ''
  $('player').removeAttribute('src')
  $('job-name').textContent = name
  $('job-facts').textContent = facts
  showProgress(0)
}

/** Back to the empty page. The focus goes to the file input, because the button that had it disappears. */
function reset() {
  history.replaceState(null, '', location.pathname)
  $('job').hidden = true
  $('drop').classList.remove('small')
  $('player').removeAttribute('src')
  $('stage').textContent = ''
  $('file').focus()
}

/** fetch() does not report the progress of an upload; XMLHttpRequest does. @param {File} file @param {AbortSignal} signal */
function upload(file, signal) {
  return new Promise((resolve, reject) => {
    const form = new FormData()
    form.append('clip', file)
    const request = new XMLHttpRequest()
    request.open('POST', 'uploads')
    request.responseType = 'json'
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) showProgress((event.loaded / event.total) * 50)
    }
    request.onload = () => {
      if (request.status === 202) resolve(request.response)
      else reject(new Error(request.response?.error ?? `The server answered ${request.status}.`))
    }
    request.onerror = () => reject(new Error('The connection to the server was lost.'))
    request.onabort = () => reject(signal.reason)
    signal.addEventListener('abort', () => request.abort())
    request.send(form)
  })
}

/** @param {any} job */
function facts(job) {
  const attempt = job.attempt > 1 ? ` · attempt ${job.attempt}` : ''
  return `${size(job.bytes)} · ${job.state}${attempt}`
}

/** Follows a job to its end. @param {string} id @param {AbortSignal} signal */
async function follow(id, signal) {
  for (;;) {
    const response = await fetch(`jobs/${id}`, { signal })
    const job = await response.json()
    if (!response.ok) throw new Error(job.error)
    $('job-name').textContent = job.name
    $('job-facts').textContent = facts(job)
    showStep(job.state === 'queued' ? 'handoff' : 'work')
    showProgress(50 + job.progress / 2)
    if (job.state === 'failed') throw new Error(job.error)
    if (job.state === 'done') return job
    await new Promise((resolve) => setTimeout(resolve, 120))
  }
}

/** @param {any} job */
function finish(job) {
  const url = `jobs/${job.id}/result`
  showProgress(100)
  showStep('done', true)
  $('job').classList.add('done')
  $('cancel').hidden = true
  $('outcome').hidden = false
  const film = job.result.type.startsWith('video/')
  $('outcome').classList.toggle('plain', !film)
  $('player').hidden = !film
  if (film) $('player').src = url
  $('result-name').textContent = job.result.name
  $('result-size').textContent = `${size(job.result.bytes)} · made by ${job.result.madeBy}`
  $('result-hash').textContent = job.result.sha256
  $('download').href = url
  $('download').download = job.result.name
  $('publish').disabled = false
}

/** Present while a clip is under way; aborting it is what Cancel does. @type {AbortController | undefined} */
let running
/** @type {string | undefined} the job that is shown */
let shownJob

/** @param {string} id */
function remember(id) {
  shownJob = id
  history.replaceState(null, '', `#job=${id}`)
}

/** Runs one clip, from its upload or from its job, to the end. @param {(signal: AbortSignal) => Promise<string>} start returns the job's id */
async function run(start) {
  running = new AbortController()
  const { signal } = running
  $('cancel').hidden = false
  try {
    const id = await start(signal)
    remember(id)
    finish(await follow(id, signal))
  } catch (error) {
    if (signal.aborted) await cancelled()
    else showProblem(error instanceof Error ? error.message : String(error))
  } finally {
    running = undefined
    $('file').value = ''
    await look()
  }
}

/** A job that has started is discarded on the server; an upload that was cut off leaves nothing there. */
async function cancelled() {
  if (shownJob !== undefined) await fetch(`jobs/${shownJob}`, { method: 'DELETE' }).catch(() => {})
  reset()
}

/** @param {File | undefined} file */
async function choose(file) {
  if (file === undefined || running !== undefined) return
  shownJob = undefined
  history.replaceState(null, '', location.pathname)
  begin({ name: file.name, facts: size(file.size) })
  if (limit !== undefined && file.size > limit) {
    $('file').value = ''
    return showProblem(
      `This clip has ${size(file.size)}. At most ${size(limit)} are accepted; it was not sent.`,
    )
  }
  showStep('upload')
  await run(async (signal) => (await upload(file, signal)).id)
}

/** After a reload: the job that the address names. */
async function resume() {
  const id = new URLSearchParams(location.hash.slice(1)).get('job')
  if (id === null) return
  const response = await fetch(`jobs/${encodeURIComponent(id)}`)
  if (!response.ok) return void history.replaceState(null, '', location.pathname)
  const job = await response.json()
  begin({ name: job.name, facts: facts(job) })
  await run(async () => id)
}

/** Reads the lines of progress that POST /publish answers with, as they come. */
async function publish() {
  $('publish').disabled = true
  const response = await fetch('publish', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ job: shownJob }),
  })
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of /** @type {any} */ (response.body)) {
    const lines = (text + decoder.decode(chunk, { stream: true })).split('\n')
    text = lines.pop() ?? '' // the beginning of a line whose end is still to come
    for (const line of lines) showPublished(JSON.parse(line))
  }
  if (text !== '') showPublished(JSON.parse(text))
}

/** @param {{ sent?: number, total?: number, sha256?: string, error?: string }} line */
function showPublished({ sent, total = 0, sha256, error }) {
  if (sent !== undefined) $('note').textContent = `published ${size(sent)} of ${size(total)}`
  if (sha256 !== undefined) $('note').textContent = 'published to the archive, digest equal ✓'
  if (error !== undefined) $('note').textContent = error
}

/** What the buttons do when the server cannot be reached; they can be pressed again. @param {() => Promise<void>} action */
function orLost(action) {
  return () =>
    action().catch(() => {
      $('note').textContent = 'The connection to the server was lost.'
      $('publish').disabled = false
    })
}

async function discard() {
  await fetch(`jobs/${shownJob}`, { method: 'DELETE' })
  shownJob = undefined
  reset()
  await look()
}

/** @param {any} entry one row of the live view: a session or a handoff */
function row(entry) {
  const item = document.createElement('li')
  item.className = entry.kind
  const add = (/** @type {string} */ name, /** @type {string} */ text) => {
    const part = document.createElement('span')
    part.className = name
    part.textContent = text
    part.title = text
    item.append(part)
  }
  add('kind', entry.kind)
  add('what', entry.what)
  add('size', size(entry.bytes))
  add('more', entry.more)
  return item
}

let shown = ''

async function look() {
  try {
    const stats = await (await fetch('stats')).json()
    limit = stats.limits.fileBytes
    $('limit').textContent = ` · up to ${size(stats.limits.fileBytes)}`
    $('link').className = 'link up'
    $('link-text').textContent = `pid ${stats.pid}`
    $('tile-bytes').textContent = size(stats.root.bytes)
    $('tile-memory').textContent = size(stats.memory.rss)
    const { threads, idle, maxThreads } = stats.pool
    $('tile-threads').innerHTML =
      `${threads} <small>of ${maxThreads}${idle > 0 ? `, ${idle} idle` : ''}</small>`
    $('tile-jobs').innerHTML =
      `${stats.jobs.done} <small>${stats.jobs.queued + stats.jobs.working} open</small>`
    $('tile-jobs-label').textContent = stats.jobs.done === 1 ? 'job done' : 'jobs done'
    $('tile-threads-label').textContent = threads === 1 ? 'worker thread' : 'worker threads'
    const entries = stats.root.entries
    $('root-count').textContent = entries.length === 0 ? '' : plural(entries.length, 'entry', 'entries')
    $('empty').hidden = entries.length > 0
    const seen = JSON.stringify(entries)
    if (seen !== shown) $('tree').replaceChildren(...entries.map(row))
    shown = seen
  } catch {
    $('link').className = 'link down'
    $('link-text').textContent = 'server stopped'
  }
}

async function watch() {
  await look()
  setTimeout(watch, 700)
}

$('file').addEventListener('change', () => choose($('file').files[0]))
$('cancel').addEventListener('click', () => running?.abort(new Error('Cancelled.')))
$('dismiss').addEventListener('click', reset)
$('publish').addEventListener('click', orLost(publish))
$('discard').addEventListener('click', orLost(discard))
for (const type of ['dragenter', 'dragover', 'dragleave', 'drop']) {
  window.addEventListener(type, (event) => {
    event.preventDefault()
    $('drop').classList.toggle('over', type === 'dragenter' || type === 'dragover')
  })
}
window.addEventListener('drop', (event) => choose(event.dataTransfer?.files[0]))
watch()
orLost(resume)()
