import { january } from 'countersign'
import { documentUrl } from 'countersign/wire'
import { type LoadedConfig, shownDatabase } from 'countersign-server'

/** What an operator does after the first start. */
export function firstSteps({ file, settings }: LoadedConfig): string {
  const { issuer, listen, database, keyRotation } = settings
  const inner = `http://${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`
  const steps = [
    `add a person:      countersign users add <username> --config ${file}`,
    ...(issuer === inner ? [] : [`put TLS in front:  forward ${issuer} to ${inner}`]),
    `check:             ${documentUrl(january.documents.authServer, issuer)} shows "issuer":"${issuer}"`,
    'keep apart:        the master key, and backups of the database; a backup needs the key to be of use',
    ...(keyRotation.rotateAfter > 0
      ? []
      : [`before long:       countersign keys rotate --config ${file}, every 90 days`]),
  ]
  return [
    `This was a first start: ${shownDatabase(database)} was empty, and has keys now. What to do next:`,
    ...steps.map((step, index) => `  ${index + 1}. ${step}`),
  ].join('\n')
}
