import type { ReceivedMessage } from 'countersign'

/** All values of a field, in order, each without the blanks and tabs around it. `name` is lower case. */
export function headerValues({ rawHeaders }: Pick<ReceivedMessage, 'rawHeaders'>, name: string): string[] {
  const values: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() === name) values.push(trimBlanks(rawHeaders[i + 1] ?? ''))
  }
  return values
}

function trimBlanks(value: string): string {
  let start = 0
  let end = value.length
  while (start < end && (value[start] === ' ' || value[start] === '\t')) start++
  while (end > start && (value[end - 1] === ' ' || value[end - 1] === '\t')) end--
  return value.slice(start, end)
}
