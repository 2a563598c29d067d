import { plan } from './plan.mjs'

/** A model for the plain loop: messages in, a message out. */
export async function askModel(messages) {
  const { role, content } = messages.at(-1)
  const { call, reply } = plan(messages, { role, text: content })
  return { role: 'assistant', content: reply, toolArguments: call }
}
