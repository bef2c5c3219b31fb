import { test } from 'node:test'
import { app } from './app'
import { visit } from './flow'

test('an app of CommonJS in tsx', () => visit(app))
