import { en } from 'countersign-server/pages'
import { checkLayoutIn } from './layout-checks.js'

checkLayoutIn(en)
