// @ts-check
// The page: one clip at a time through upload, handoff, work and download, and the temp root as it is now.
// Promise: what it shows is what the server says; nothing is kept in the browser.

/** @param {string} id @returns {any} the element; `any` because each caller knows which kind it is */
const $ = (id) => document.getElementById(id)

const STEPS = ['upload', 'handoff', 'work', 'done']

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

/** @param {string} step @param {boolean} [finished] */
function showStep(step, finished = false) {
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
  $('percent').value = `${whole} %`
  $('bar').setAttribute('aria-valuenow', String(whole))
}

/** @param {string} message */
function showProblem(message) {
  $('job').classList.add('failed')
  $('problem').hidden = false
  $('problem').textContent = message
}

/** @param {File} file */
function begin(file) {
  $('drop').classList.add('small')
  $('job').className = 'job'
  $('job').hidden = false
  $('outcome').hidden = true
  $('problem').hidden = true
  $('note').textContent = ''
  $('player').removeAttribute('src')
  $('job-name').textContent = file.name
  $('job-facts').textContent = size(file.size)
  showProgress(0)
  showStep('upload')
}

/** fetch() tells nothing of an upload's progress; XMLHttpRequest does. @param {File} file */
function upload(file) {
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
    request.send(form)
  })
}

/** @param {any} job */
function facts(job) {
  const attempt = job.attempt > 1 ? ` · attempt ${job.attempt}` : ''
  return `${size(job.bytes)} · ${job.state}${attempt}`
}

/** @param {string} id */
async function follow(id) {
  for (;;) {
    const response = await fetch(`jobs/${id}`)
    const job = await response.json()
    if (!response.ok) throw new Error(job.error)
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
  $('job').dataset.id = job.id
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

let busy = false

/** @param {File | undefined} file */
async function run(file) {
  if (file === undefined || busy) return
  busy = true
  begin(file)
  try {
    const job = await upload(file)
    showStep('handoff')
    finish(await follow(job.id))
  } catch (error) {
    showProblem(error instanceof Error ? error.message : String(error))
  } finally {
    busy = false
    $('file').value = ''
    await look()
  }
}

/** Reads the lines of progress that POST /publish answers with, as they come. */
async function publish() {
  $('publish').disabled = true
  const response = await fetch('publish', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ job: $('job').dataset.id }),
  })
  let text = ''
  const decoder = new TextDecoder()
  for await (const chunk of /** @type {any} */ (response.body)) {
    text += decoder.decode(chunk, { stream: true })
    const line = JSON.parse(text.trim().split('\n').at(-1) || '{}')
    if (line.sent !== undefined) $('note').textContent = `published ${size(line.sent)} of ${size(line.total)}`
    if (line.sha256 !== undefined) $('note').textContent = 'published to the archive, digest equal ✓'
    if (line.error !== undefined) $('note').textContent = line.error
  }
}

async function discard() {
  await fetch(`jobs/${$('job').dataset.id}`, { method: 'DELETE' })
  $('job').hidden = true
  $('drop').classList.remove('small')
  $('player').removeAttribute('src')
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
    $('link').className = 'link up'
    $('link-text').textContent = `pid ${stats.pid}`
    $('tile-bytes').textContent = size(stats.root.bytes)
    $('tile-memory').textContent = size(stats.memory.rss)
    const { threads, idle, maxThreads } = stats.pool
    $('tile-threads').innerHTML =
      `${threads} <small>of ${maxThreads}${idle > 0 ? `, ${idle} idle` : ''}</small>`
    $('tile-jobs').innerHTML =
      `${stats.jobs.done} <small>${stats.jobs.queued + stats.jobs.working} open</small>`
    const entries = stats.root.entries
    $('root-count').textContent = entries.length === 0 ? '' : `${entries.length} entries`
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

$('file').addEventListener('change', () => run($('file').files[0]))
$('publish').addEventListener('click', publish)
$('discard').addEventListener('click', discard)
for (const type of ['dragenter', 'dragover', 'dragleave', 'drop']) {
  window.addEventListener(type, (event) => {
    event.preventDefault()
    $('drop').classList.toggle('over', type === 'dragenter' || type === 'dragover')
  })
}
window.addEventListener('drop', (event) => run(event.dataTransfer?.files[0]))
watch()
