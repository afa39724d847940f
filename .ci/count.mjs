// Counts a vitest JSON report: names each failed and skipped test, then prints `passed failed skipped`.
import { readFileSync } from 'node:fs'

const [, , file, status] = process.argv
let report
try {
  report = JSON.parse(readFileSync(file, 'utf8'))
} catch (error) {
  console.log(`no report (${error.message}); the runner ended with status ${status}`)
  console.log('0 1 0')
  process.exit(0)
}
let [passed, failed, skipped] = [0, 0, 0]
for (const suite of report.testResults) {
  if (suite.status === 'failed' && suite.assertionResults.length === 0) {
    console.log(`failed: ${suite.name}: ${suite.message}`)
    failed++
  }
  for (const test of suite.assertionResults) {
    if (test.status === 'passed') passed++
    else if (test.status === 'failed') {
      failed++
      console.log(`failed: ${test.fullName}`)
    } else {
      skipped++
      console.log(`skipped: ${test.fullName}`)
    }
  }
}
if (status !== '0' && failed === 0) {
  console.log(`failed: the runner ended with status ${status} (an unhandled error, or the time limit)`)
  failed++
}
console.log(`${passed} ${failed} ${skipped}`)
