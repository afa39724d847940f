// Uppy over tus. tus-js-client keeps an upload's URL in localStorage, so a reloaded tab and a second tab continue it.

import Uppy from '@uppy/core'
import Dashboard from '@uppy/dashboard'
import Tus from '@uppy/tus'
import '@uppy/core/css/style.min.css'
import '@uppy/dashboard/css/style.min.css'
import './page.css'

const uppy = new Uppy({ autoProceed: true })
  .use(Dashboard, {
    inline: true,
    target: '#dashboard',
    width: '100%',
    height: 320,
    showProgressDetails: true,
    proudlyDisplayPoweredByUppy: false,
  })
  .use(Tus, { endpoint: '/files', retryDelays: [0, 500, 1000, 1000, 2000, 2000, 5000, 10_000] })

uppy.on('upload-success', async (file, { uploadURL }) => {
  const response = await fetch(`/finished/${new URL(uploadURL).pathname.split('/').pop()}`)
  if (!response.ok) return uppy.info(`The server has no ticket for ${file.name} yet.`, 'error')
  const { ticket, bytes, digest } = await response.json()
  const item = document.createElement('li')
  item.append(`${file.name}, ${bytes} bytes, ticket `, code(ticket), ', sha256 ', code(digest))
  document.querySelector('#finished').append(item)
})

function code(text) {
  const element = document.createElement('code')
  element.textContent = text
  return element
}
