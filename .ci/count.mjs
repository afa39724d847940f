// Counts a vitest JSON report: names each skipped test, and each failed one with its error, then prints `passed failed skipped`.
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
const failures = []
for (const suite of report.testResults) {
  if (suite.status === 'failed' && suite.assertionResults.length === 0) {
    failures.push(`failed: ${suite.name}: ${suite.message.slice(0, 1000)}`)
    failed++
  }
  for (const test of suite.assertionResults) {
    if (test.status === 'passed') passed++
    else if (test.status === 'failed') {
      failed++
      failures.push(
        `failed: ${test.fullName}`,
        ...test.failureMessages.map((message) => message.slice(0, 1000)),
      )
    } else {
      skipped++
      console.log(`skipped: ${test.fullName}`)
    }
  }
}
if (status !== '0' && failed === 0) {
  failures.push(`failed: the runner ended with status ${status} (an unhandled error, or the time limit)`)
  failed++
}
for (const line of failures) console.log(line)
console.log(`${passed} ${failed} ${skipped}`)
