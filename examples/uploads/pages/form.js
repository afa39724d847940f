// FilePond with its process, revert and restore endpoints. The tickets of a form that was not sent are in sessionStorage.

import { create } from 'filepond'
import 'filepond/dist/filepond.min.css'
import './page.css'

const saved = JSON.parse(sessionStorage.getItem('tickets') ?? '[]')
const pond = create(document.querySelector('#files'), {
  server: { process: '/staged', revert: '/staged', restore: '/staged/' },
  files: saved.map((source) => ({ source, options: { type: 'limbo' } })), // limbo: staged, not submitted yet
  credits: false,
})
for (const event of ['processfile', 'removefile', 'processfilerevert']) pond.on(event, save)
document.querySelector('form').addEventListener('submit', () => sessionStorage.removeItem('tickets'))

function save() {
  const tickets = pond.getFiles().map(({ serverId }) => serverId)
  sessionStorage.setItem('tickets', JSON.stringify(tickets.filter((ticket) => ticket !== null)))
}
