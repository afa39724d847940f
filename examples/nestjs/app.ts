// NestJS: receive a file, send it again. Nest's own exception filter answers a refused upload with the error's status
// and message.

import 'reflect-metadata'
import {
  Controller,
  Delete,
  type DynamicModule,
  Get,
  HttpCode,
  type INestApplication,
  Inject,
  Param,
  Post,
  Req,
  Res,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import type { Request, Response } from 'express'
import { fileRules, TempFileManager } from 'temp-file-manager'
import { receiveForm, sendFile } from 'temp-file-manager/http'

@Controller('files')
export class FilesController {
  readonly #manager: TempFileManager

  constructor(@Inject(TempFileManager) manager: TempFileManager) {
    this.#manager = manager
  }

  @Post()
  async receive(@Req() request: Request): Promise<{ ticket: string | undefined }> {
    await using form = await receiveForm(request, this.#manager, {
      fields: { document: { accept: fileRules.pdf, maxBytes: '1mb', maxFiles: 1, required: true } },
    })
    const [document] = form.files
    const meta = { name: document?.originalName ?? 'document.pdf' }
    return { ticket: await document?.handOff({ ttl: '1h', meta }) }
  }

  @Get(':ticket')
  async send(@Param('ticket') ticket: string, @Req() req: Request, @Res() res: Response): Promise<void> {
    await using claim = await this.#manager.claim<{ name: string }>(ticket) // a second request meanwhile is answered with 409
    await sendFile(req, res, claim, { fileName: claim.meta.name })
  }

  @Delete(':ticket')
  @HttpCode(204)
  async discard(@Param('ticket') ticket: string): Promise<void> {
    await this.#manager.discard(ticket)
  }
}

/** Nest does not call onApplicationShutdown of foreign classes, so the caller that passes the manager closes it. */
export async function createApp(manager: TempFileManager): Promise<INestApplication> {
  const module: DynamicModule = {
    module: class AppModule {},
    controllers: [FilesController],
    providers: [{ provide: TempFileManager, useValue: manager }],
  }
  return NestFactory.create(module, { logger: ['error', 'warn'] })
}
