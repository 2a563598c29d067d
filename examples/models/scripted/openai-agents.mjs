import { Usage } from '@openai/agents'
import { plan } from './plan.mjs'

export const model = {
  async getResponse({ input }) {
    const last = [input].flat().at(-1)
    const { call, reply } = plan(input, { role: last.role ?? 'tool', text: last.output?.text })
    const item = call
      ? {
          type: 'function_call',
          callId: crypto.randomUUID(),
          name: 'addEvent',
          arguments: JSON.stringify(call),
          status: 'completed',
        }
      : {
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: reply }],
        }
    return { usage: new Usage(), output: [item] }
  },
}
