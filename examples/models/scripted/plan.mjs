import { appendFileSync } from 'node:fs'

/**
 * What the scripted models do instead of thinking: after a user's message, they call the tool; after the tool's result, they repeat it. They
 * record everything that they receive.
 *
 * @returns the arguments of the tool, or the reply
 */
export function plan(received, last) {
  appendFileSync('model-received.jsonl', `${JSON.stringify(received)}\n`)
  return last.role === 'user' ? { call: { title: 'Tea with Alice' } } : { reply: `The tool said: ${last.text}` }
}
