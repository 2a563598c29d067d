import { languages } from 'countersign-server/pages'
import { checkLayoutIn } from './layout-checks.js'

for (const messages of Object.values(languages)) if (messages.dir !== 'rtl') checkLayoutIn(messages)
