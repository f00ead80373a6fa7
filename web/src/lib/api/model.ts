// Short names for the shapes of the API, which are generated from the server's OpenAPI document.

import type { components } from './schema';

type Schemas = components['schemas'];

export type Dataset = Schemas['Dataset'];
export type Category = Dataset['category'];
export type Image = Schemas['Image'];
export type Crop = Schemas['Crop'];
export type Version = Schemas['Version'];
export type VersionAbout = Schemas['VersionAbout'];
export type Difference = Schemas['Difference'];
export type Edit = Schemas['Edit'];
export type EditDataset = Schemas['EditDataset'];
export type Uploaded = Schemas['Uploaded'];
export type UploadedFile = Schemas['UploadedFile'];
export type ServerAbout = Schemas['ServerAbout'];
export type CreateDataset = Schemas['CreateDataset'];
export type UpdateDataset = Schemas['UpdateDataset'];
export type Base = Schemas['Base'];
export type SettingsSchema = Schemas['SettingsSchema'];
export type Setting = Schemas['Setting'];
export type SomeSettings = Schemas['SomeSettings'];
export type TrainConfig = Schemas['TrainConfig'];
export type TrainingRequest = Schemas['TrainingRequest'];
export type TrainingStrength = NonNullable<TrainConfig['strength']>;
export type PlannedTraining = Schemas['PlannedTraining'];
export type SettingOrigin = Schemas['SettingOrigin'];
export type WordFinding = Schemas['WordFinding'];
export type Run = Schemas['Run'];
export type RunWithCheckpoints = Schemas['RunWithCheckpoints'];
export type RunAndJob = Schemas['RunAndJob'];
export type Checkpoint = Schemas['Checkpoint'];
export type RunLosses = Schemas['RunLosses'];
export type LossPoint = Schemas['LossPoint'];
export type ComparedRuns = Schemas['ComparedRuns'];
export type Model = Schemas['Model'];
export type UpdateModel = Schemas['UpdateModel'];
export type Lineage = Schemas['Lineage'];
export type Job = Schemas['Job'];
export type JobChanges = Schemas['JobChanges'];
export type Progress = Schemas['Progress'];
export type DrawingRequest = Schemas['DrawingRequest'];
export type UsedModel = Schemas['UsedModel'];
export type Picture = Schemas['Picture'];
export type PictureWithRecipe = Schemas['PictureWithRecipe'];
export type AddedPicture = Schemas['AddedPicture'];
export type Dependents = Schemas['Dependents'];
