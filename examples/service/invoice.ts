// A real PDF, written into a temp file while it is drawn. Guarantee: memory does not grow with the document, and
// a drawing that fails leaves nothing behind.

import PDFDocument from 'pdfkit'
import type { TempFile } from 'temp-file-manager'

interface Line {
  readonly what: string
  readonly count: number
  readonly cents: number
}

const euro = (cents: number) => `${(cents / 100).toFixed(2)} EUR`

/** The invoice's lines follow from its number, so that the same number gives the same paper. */
function linesOf(id: string): Line[] {
  const seed = [...id].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 9973, 7)
  return ['Clip transcoding, per minute', 'Storage until claimed, per hour', 'Delivery, per GB'].map(
    (what, at) => ({
      what,
      count: 1 + ((seed >> at) % 9),
      cents: 120 + ((seed * (at + 3)) % 480),
    }),
  )
}

export async function writeInvoice(file: TempFile, id: string): Promise<void> {
  const document = new PDFDocument({ size: 'A4', margin: 56, info: { Title: `Invoice ${id}` } })
  const written = file.write(document)
  try {
    draw(document, id)
    document.end()
  } catch (error) {
    document.destroy(error instanceof Error ? error : new Error(String(error)))
  }
  await written
}

function draw(document: PDFKit.PDFDocument, id: string): void {
  const lines = linesOf(id)
  document.fontSize(24).text('Invoice').fontSize(11).fillColor('#666').text(`No. ${id}`).moveDown(2)
  document.fillColor('#000')
  for (const line of lines) {
    document
      .text(`${line.count} x  ${line.what}`, { continued: true })
      .text(euro(line.count * line.cents), { align: 'right' })
    document.moveDown(0.4)
  }
  const total = lines.reduce((sum, line) => sum + line.count * line.cents, 0)
  document.moveDown().fontSize(14).text('Total', { continued: true }).text(euro(total), { align: 'right' })
}
