import { Module } from '@nestjs/common';
import { GistController } from './gist.controller.ts';
import { GistMessages } from './gist.messages.ts';
import { GistService } from './gist.service.ts';

@Module({ controllers: [GistController, GistMessages], providers: [GistService] })
export class AppModule {}
